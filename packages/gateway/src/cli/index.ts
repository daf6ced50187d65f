export {
  type CliContext,
  CliError,
  type DemoOptions,
  type Exit,
  type Services,
  type StartOptions,
  type Terminal,
  type TextStyle,
} from './command.ts'
export { runCli, VERSION } from './run.ts'
