export type { DemoErrorCode } from './demo-error.ts'
export { type DemoEnvironment, formatEnvironment } from './environment.ts'
export { type DemoApi, startApi } from './start-api.ts'
export { summary } from './summary.ts'
