/**
 * Lifecycle of an endpoint under one address. `created` and `stopped` refuse messages, `starting` buffers them,
 * `started` and `terminating` serve them, `failed` (onStart threw, or killed) refuses them, `terminated` is for ever.
 *
 *     created --start--> starting --onStart done--> started --stop--> stopped --start--> starting
 *                            |                         |
 *                            +--onStart threw--> failed +--terminate--> terminating --onStop done--> terminated
 */
export type ServerState = "created" | "starting" | "started" | "stopped" | "failed" | "terminating" | "terminated";
