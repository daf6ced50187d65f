import { RecorderError, type RecorderErrorCode } from '../../recorder/index.ts'
import type { Answer } from './messages.ts'

/** What the gateway answered in place of what was asked for. */
export function faultIn(answer: Answer): Error {
  if (answer[0] !== 'refused') return new Error(`a record is answered with ${answer[0]}`)
  const [, , code, message] = answer
  return new RecorderError(code as RecorderErrorCode, message)
}
