// Package telemetry is how the program tells what it does: logs, metrics, traces and error reports. It
// knows no routes and no rules; web and app tell it what happened.
package telemetry
