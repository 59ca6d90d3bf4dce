/** Bindings of the worker, as `wrangler.toml` declares them. */
export interface Environment {
  readonly CLUSTER_REGISTRY: DurableObjectNamespace;
  readonly DISPATCHER: DurableObjectNamespace;
  readonly RESOURCE_MANAGER: DurableObjectNamespace;
  readonly JOB_MASTER: DurableObjectNamespace;
  readonly TASK_EXECUTOR: DurableObjectNamespace;
  /** Modules, input, checkpoints and results. */
  readonly OBJECTS: R2Bucket;
  /** Loads uploaded job modules. */
  readonly LOADER: WorkerLoader;
  /** Root token, a secret. Without it a deployed worker refuses uploads and runs. */
  readonly SLUICE_TOKEN?: string;
  /** Domain whose subdomains name clusters: with `sluice.example.com` the host `eu.sluice.example.com` is the cluster `eu`. */
  readonly SLUICE_CLUSTER_DOMAIN?: string;
  /** "1" in local development: no token is asked for. */
  readonly SLUICE_LOCAL?: string;
  /** "1": the object shells print one line per event. */
  readonly SLUICE_EVENT_LOG?: string;
}
