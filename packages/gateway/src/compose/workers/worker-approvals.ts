import { ApprovalError, type ApprovalErrorCode, type Followed } from '../../approval/index.ts'
import type { Approving } from '../../proxy/index.ts'
import { RecorderError } from '../../recorder/index.ts'
import type { Asker } from './asker.ts'
import type { Answer } from './messages.ts'

/** Approvals as a worker sees them: the gateway keeps, records and counts, for all workers. */
export function workerApprovals(asker: Asker, followed: Followed): Approving {
  return {
    inForce: (request, atUs) => followed.inForce(request, atUs),
    ask: async (asking) => {
      const answer = await asker.ask((place) => ['approval', place, asking])
      if (answer[0] !== 'waits') throw faultIn(answer)
      return answer[2]
    },
    redeem: async (redemption) => {
      const answer = await asker.ask((place) => ['redeem', place, redemption])
      if (answer[0] !== 'used') throw faultIn(answer)
      return answer[2]
    },
  }
}

function faultIn(answer: Answer): Error {
  if (answer[0] !== 'refused') return new Error(`an approval is answered with ${answer[0]}`)
  const [, , code, message] = answer
  if (!code.startsWith('APPROVAL_')) return new RecorderError('RECORDER_UNAVAILABLE', message)
  return new ApprovalError(code as ApprovalErrorCode, message)
}
