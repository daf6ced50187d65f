/** What a long simulation must have met: faults, crashes, and what recovery found. */
export const COVERED = [
  // What clients saw.
  'acknowledged',
  'forwarded',
  'client: answered with a receipt',
  'client: forwarded before it was durable',
  'client: answered before its receipt',
  'client: ledger-unavailable',
  'client: outcome-unrecorded',
  'client: interrupted meanwhile',
  'client: gateway stopped',
  'client: act recorded',
  'client: body kept',
  'client: body not kept',
  'unanswered at a crash',
  // What the ledger told the recorder.
  'refused: unavailable',
  'refused: full',
  'refused: dead',
  'refused: backlog',
  // What went wrong.
  'fault: open fails',
  'fault: read fails',
  'fault: write fails',
  'fault: write fails, part of it done',
  'fault: write fails, all of it done',
  'fault: write flips a bit',
  'fault: sync fails',
  'fault: sync-directory fails',
  'fault: rename fails',
  'fault: rename fails, all of it done',
  'fault: remove fails',
  'fault: close fails',
  'fault: list fails',
  'fault: stat fails',
  'fault: make-directory fails',
  'fault: disk full',
  'fault: lock, swap not done',
  'fault: lock, swap done',
  'fault: pages evicted',
  'fault: clock back',
  'fault: clock forward',
  'fault: process frozen',
  'fault: old backup restored',
  // How machines went down.
  'crash: process killed',
  'crash: power cut',
  'crash: while opening',
  'crash: while writing a batch',
  'restart: stopped cleanly',
  'restart: within the process',
  // What the recorder told of it.
  'record: epoch',
  'record: start',
  'record: recovery',
  'record: cut',
  'record: interrupted',
  'record: end that was owed',
  'record: gap, unavailable',
  'record: gap, not running',
  'record: gap, window',
  'record: window opened',
  'record: window renewed',
  'record: window closed',
  'record: heartbeat',
  'record: space',
  'reserve: given back',
  'reserve: taken again',
  'record: block',
  'record: stop',
  'record: clock behind',
  'record: clock ahead',
  'record: clock unknown',
  // What recovery found.
  'found: nothing at all',
  'found: temporary file',
  'found: body that waits',
  'found: torn tail',
  'found: several segments',
  'found: entries above the lock',
  'found: checkpoint behind the lock',
  'found: open intents',
  'found: lost, as its window said',
  'found: after a failed flush',
  'found: second pass refused',
  'checked: bodies',
  'checked: recovered twice alike',
  'checked: second owner refused',
  'checked: stale writer fenced',
  'checked: resumed after a full disk',
  'checked: full bundle',
  'checked: segment dropped',
  'checked: old backup refused',
  'checked: stop withheld',
] as const
export type Covered = (typeof COVERED)[number]
export type HitCounts = Partial<Record<Covered, number>>

const NAME_COLUMNS = 42

export class Hits {
  readonly counts: HitCounts = {}

  of(kind: Covered): number {
    return this.counts[kind] ?? 0
  }

  add(kind: Covered, times = 1): void {
    this.counts[kind] = this.of(kind) + times
  }

  merge(counts: HitCounts): void {
    for (const kind of COVERED) this.add(kind, counts[kind] ?? 0)
  }

  table(): string {
    return COVERED.map((kind) => `${kind.padEnd(NAME_COLUMNS)} ${this.of(kind)}\n`).join('')
  }
}
