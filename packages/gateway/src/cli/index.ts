export type {
  CliContext,
  DemoOptions,
  DrillEvent,
  DrillOptions,
  DrillRoute,
  Exit,
  Finding,
  Services,
  StartOptions,
  SuperviseOptions,
  Terminal,
  TextStyle,
} from './command.ts'
export { runCli, VERSION } from './run.ts'
