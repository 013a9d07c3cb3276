// Package gateway sends requests on to the instances of services, chooses among them, leaves
// out who does not answer, and tries elsewhere where that can do no harm. How many there are,
// discovery tells. What clients are told, web says.
//
//   - gateway.go: the Gateway; proxy.go: one request, over as many tries as it takes;
//     judge.go: what the end of a try says of the instance, and whether there is another one
//   - pool.go, instance.go: a service's instances; use.go: a request at one; balancer.go: who is
//     next; health.go: who is left out; breaker.go, budget.go: when nobody is asked, or nobody
//     again, by what window.go has counted of late
//   - wire.go: how bytes move; outgoing.go, forwarded.go: what is sent, feed.go: a body that
//     streams; reply.go, head.go: what comes back; conns.go: connections that are kept
//   - probe.go: asks an instance how it is; routes.go, status.go: what an admin sees and does
package gateway
