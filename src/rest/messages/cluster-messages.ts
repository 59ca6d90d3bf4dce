import * as z from "zod";
import { defineHeaders } from "./define-headers.ts";
import { Count } from "./states.ts";

export const DashboardConfiguration = z.object({
  "refresh-interval": z.int(),
  "timezone-name": z.string(),
  "timezone-offset": z.int(),
  "flink-version": z.string(),
  "flink-revision": z.string(),
  features: z.object({
    "web-submit": z.boolean(),
    "web-cancel": z.boolean(),
    "web-rescale": z.boolean(),
    "web-history": z.boolean(),
  }),
});

export const DashboardConfigurationHeaders = defineHeaders({
  name: "DashboardConfigurationHeaders",
  method: "GET",
  url: "/config",
  description: "Version, features and refresh interval; what a dashboard asks first.",
  scope: "read",
  response: DashboardConfiguration,
});

export const ClusterOverviewWithVersion = z.object({
  taskmanagers: Count,
  "taskmanagers-blocked": Count,
  "slots-total": Count,
  "slots-available": Count,
  "slots-free-and-blocked": Count,
  "jobs-running": Count,
  "jobs-finished": Count,
  "jobs-cancelled": Count,
  "jobs-failed": Count,
  "flink-version": z.string(),
  "flink-commit": z.string(),
});

export const ClusterOverviewHeaders = defineHeaders({
  name: "ClusterOverviewHeaders",
  method: "GET",
  url: "/overview",
  description: "Task managers, slots and jobs of the cluster. `jobs-running` counts every job that is not terminal.",
  scope: "read",
  response: ClusterOverviewWithVersion,
});
