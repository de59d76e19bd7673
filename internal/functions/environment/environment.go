// Package environment is what the functions' program is told through its
// environment: the agreement between who deploys it and the program. It imports
// nothing, so that who only deploys the program does not carry it.
package environment

// The variables.
const (
	Handler        = "CCSCTL_HANDLER" // Ingest, FollowUp or Emergency
	EmergencyQueue = "EMERGENCY_QUEUE_URL"
	TelemetryQueue = "TELEMETRY_QUEUE_URL"
	StateMachine   = "STATE_MACHINE_ARN"
	OwnerTopic     = "OWNER_TOPIC_ARN"
	ManagerTopic   = "MANAGER_TOPIC_ARN"
)

// The values of Handler.
const (
	Ingest    = "ingest"    // needs EmergencyQueue and TelemetryQueue
	FollowUp  = "followup"  // needs OwnerTopic and ManagerTopic
	Emergency = "emergency" // needs StateMachine
)
