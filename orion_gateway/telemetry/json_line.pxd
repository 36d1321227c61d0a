from orion_gateway.telemetry.finished cimport Finished


cpdef bytes format_json(Finished finished, str route, str service, double duration, object reason, double now)
