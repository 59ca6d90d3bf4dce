/** Answer to a registration (Flink `RegistrationResponse`). A failure is tried again, a rejection is final. */
export type RegistrationResponse<Success> =
  | ({ readonly kind: "success" } & Success)
  | { readonly kind: "failure"; readonly reason: string }
  | { readonly kind: "rejection"; readonly reason: string };
