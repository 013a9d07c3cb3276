// Package app puts the parts together. services.go is the table of services,
// open.go opens what is kept on disk, app.go starts and stops it all, ops.go has
// the routes that belong to no service. cluster.go lets processes find each other,
// gateway.go sends on what another one answers, tls.go has clients come by https.
// It alone sees engines and services.
package app
