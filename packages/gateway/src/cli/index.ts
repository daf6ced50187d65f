export type {
  CliContext,
  DemoOptions,
  Exit,
  Finding,
  Services,
  StartOptions,
  Terminal,
  TextStyle,
} from './command.ts'
export { runCli, VERSION } from './run.ts'
