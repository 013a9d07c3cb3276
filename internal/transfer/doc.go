// Package transfer copies all data from one store to another, whatever their engines, and
// shows at the end that both have the same. It knows stores by their contract in package
// blog only, and has no words for people.
package transfer
