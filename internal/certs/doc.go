// Package certs gives a server that speaks TLS its certificates: those of two files, which may
// be replaced while it runs, or those that an ACME server issues. It owns when they are read,
// obtained and renewed, and for which names they are. It leaves listening, and what is said
// with them, to others.
package certs
