/** The reply of a command that succeeded and has nothing to say (Flink `Acknowledge`). */
export type Acknowledge = "acknowledge";
export const ACKNOWLEDGE: Acknowledge = "acknowledge";
