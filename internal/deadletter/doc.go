// Package deadletter is for looking at what failed: which messages, why, how
// many of each kind, and what their consumer is doing. It knows the forms in
// which AWS and our functions leave the reason of a failure, the language of
// filters, and how to look into a queue without taking anything out. Only Purge
// deletes, and only what its filter chose. Replaying is left to package redrive.
package deadletter
