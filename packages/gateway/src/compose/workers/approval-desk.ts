import { ApprovalError, type Approvals } from '../../approval/index.ts'
import type { Answer, Asking, FromWorker } from './messages.ts'

type ApprovalRow = Extract<Asking, readonly ['approval' | 'redeem', ...unknown[]]>

export function isOfApprovals(row: FromWorker): row is ApprovalRow {
  return row[0] === 'approval' || row[0] === 'redeem'
}

/** Asks for approvals, and spends their uses, for one worker. What it spends is spent for all. */
export class ApprovalDesk {
  readonly #approvals: Approvals
  readonly #answer: (row: Answer) => void

  constructor(parts: {
    readonly approvals: Approvals
    readonly answer: (row: Answer) => void
  }) {
    this.#approvals = parts.approvals
    this.#answer = parts.answer
  }

  async take(row: ApprovalRow): Promise<void> {
    const place = row[1]
    try {
      if (row[0] === 'redeem') this.#answer(['used', place, await this.#approvals.redeem(row[2])])
      else this.#answer(['waits', place, await this.#approvals.ask(row[2])])
    } catch (error) {
      const code = error instanceof ApprovalError ? error.code : 'UNAVAILABLE'
      this.#answer(['refused', place, code, String(error)])
    }
  }
}
