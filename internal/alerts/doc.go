// Package alerts is the relay between Prometheus' Alertmanager and the robots of
// DingTalk, Feishu and WeCom, which do not understand what Alertmanager posts. It owns
// the message that people read and each robot's form and signature. It leaves grouping,
// silence and repetition to Alertmanager, and keeps nothing: what a robot did not take
// is answered with 502, and Alertmanager tries again.
//
// A robot takes 20 messages a minute (Feishu's: 100), so Alertmanager has to group.
// A robot that took a message and then failed to say so gets it twice.
package alerts
