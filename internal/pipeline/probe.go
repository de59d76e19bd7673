package pipeline

// probeName names what a probe makes for itself. Names of topics that begin so
// are all that the workflow may publish to beside the pipeline's own.
func probeName(mark string) string { return "probe-" + mark }
