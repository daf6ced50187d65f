import { VerifyError } from '../verify/index.ts'
import { CliError } from './command.ts'

/** What is there and is not what was signed ends a command with 1, as `verify` does. */
export async function orTampered<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof VerifyError)) throw cause
    const tampered = cause.code === 'VERIFY_TAMPERED'
    throw new CliError(tampered ? 1 : 2, tampered ? `FAILED: ${cause.message}` : cause.message, {
      cause,
    })
  }
}
