// Package deadletter is for looking at what failed: which messages, why, how
// many of each. It takes nothing away but what Purge is told to.
package deadletter
