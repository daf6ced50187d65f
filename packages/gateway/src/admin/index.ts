export type { AdminErrorCode } from './admin-error.ts'
export { type AdminApp, adminApp } from './app.ts'
export { type AdminConfig, adminConfigSchema } from './config.ts'
export type { GuardParts } from './guard.ts'
export type {
  Configuring,
  LoadProblem,
  ReloadCause,
  ReloadResult,
  TextsInForce,
} from './reload.ts'
export type { AdminRoles } from './roles.ts'
export type {
  ActDone,
  AdminCaller,
  AdminParts,
  Permission,
  PublishedCheckpoint,
  Route,
} from './route.ts'
export { routes } from './routes.ts'
export { type AdminAddress, type AdminServer, checkCertificate, serveAdmin } from './serve.ts'
export { type WellKnown, wellKnown } from './well-known.ts'
