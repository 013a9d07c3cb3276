// Package app puts the parts together. services.go is the table of services,
// open.go opens what is kept on disk, app.go starts and stops it all, ops.go has
// the routes that belong to no service. It alone sees engines and services.
package app
