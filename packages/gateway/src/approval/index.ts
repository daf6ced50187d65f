export type { Activation } from './activation.ts'
export type { Approval } from './approval.ts'
export {
  type ApprovalsConfig,
  approvalsConfigSchema,
  type BreakGlassConfig,
  breakGlassConfigSchema,
} from './approval-config.ts'
export { ApprovalError, type ApprovalErrorCode } from './approval-error.ts'
export {
  Approvals,
  type ApprovalsOptions,
  type Asking,
  type Redemption,
  type Use,
} from './approvals.ts'
export { BreakGlass, type BreakGlassOptions, isOverdue } from './break-glass.ts'
export { Followed, type Standing } from './followed.ts'
export type { Person } from './person.ts'
