import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { AnyActFacts, FoldFacts, GapFacts, WindowFacts } from './act-types.ts'
import { isExchangeKind, type Kind } from './kinds.ts'
import { type CheckedRecord, PairChecker, SILENCE_GRACE_MS } from './pairs.ts'
import type { ClockState, How, Progress, When } from './section-types.ts'
import { formatTime } from './time.ts'
import { formatUuid, makeUuid } from './uuid.ts'

const START_US = 1_800_000_000_000_000
const HEARTBEAT_MS = 60_000
const sha256 = {
  digest: (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest(),
  digestInto: (bytes: Uint8Array, into: Uint8Array, offset: number): void => {
    into.set(sha256.digest(bytes), offset)
  },
}

/** Writes a ledger line by line: each second one record, unless told otherwise. */
class Story {
  readonly lines: (CheckedRecord | 'skipped')[] = []
  incarnation = 1
  #atUs = START_US

  wait(ms: number): this {
    this.#atUs += ms * 1000
    return this
  }

  record(kind: Kind, more: Partial<Omit<CheckedRecord, 'when'>> & { when?: Partial<When> }): this {
    const index = this.lines.length
    const id = formatUuid(makeUuid(this.#atUs, new Uint8Array(8).fill(index)))
    const when: When = {
      v: 1,
      kind,
      id,
      ...(isExchangeKind(kind) && { exchange: exchange(index) }),
      at: formatTime(this.#atUs),
      gateway: 'test',
      incarnation: this.incarnation,
      ...more.when,
    }
    this.lines.push({ index, ...more, when })
    return this.wait(1_000)
  }

  act(kind: Kind, act: AnyActFacts, clock?: ClockState): this {
    return this.record(kind, { act, ...(clock && { when: { clock } }) })
  }

  start(clock?: ClockState): this {
    const facts = { version: '1', runtime: 'test', rollbackProtection: 'lock' }
    return this.act('system', { act: 'start', heartbeatMs: HEARTBEAT_MS, ...facts }, clock)
  }

  recovery(): this {
    return this.act('system', { act: 'recovery', interrupted: 0 })
  }

  stop(): this {
    return this.act('system', { act: 'stop', cause: 'test' })
  }

  lost(interrupted: number, folds = 0): this {
    return this.act('system', {
      act: 'worker-lost',
      worker: 1,
      cause: 'SIGKILL',
      interrupted,
      folds,
    })
  }

  intent(when: Partial<When> = {}): this {
    return this.record('intent', { when })
  }

  end(about: number, ended: How['ended'] = 'released', when: Partial<When> = {}): this {
    const place = { epoch: 1, index: about }
    return this.record('outcome', {
      how: { ended },
      when: { exchange: exchange(about), about: place, ...when },
    })
  }

  endFar(about: number, counts: Progress): this {
    const place = { epoch: 1, index: about }
    const when = { exchange: exchange(about), about: place }
    return this.record('outcome', { how: { ended: 'released', ...counts }, when })
  }

  progress(about: number, how: Progress): this {
    const place = { epoch: 1, index: about }
    return this.record('progress', { how, when: { exchange: exchange(about), about: place } })
  }

  fold(act: FoldFacts['act'], more: Partial<FoldFacts> & { about?: number } = {}): this {
    const { about, ...facts } = more
    const from = formatTime(this.#atUs)
    const base = { act, reason: 'rate-limited', scope: 'all', from } as const
    const opening = act === 'open' ? { untalliedMax: 10 } : { until: from, count: 1 }
    return this.record('fold', {
      act: { ...base, ...opening, ...facts },
      ...(about === undefined ? {} : { when: { about: { epoch: 1, index: about } } }),
    })
  }

  foldGap(about: number, unrecordedMax: number): this {
    const at = formatTime(this.#atUs)
    const act = { reason: 'fold-interrupted', from: at, until: at, unrecorded: 0, unrecordedMax }
    const when = { about: { epoch: 1, index: about } }
    return this.record('gap', { act: act as GapFacts, when })
  }

  window(act: WindowFacts['act'], more: WindowFacts | object = {}, about?: number): this {
    const bounds = act === 'close' ? {} : { recordsMax: 2, windowMs: 60_000 }
    return this.record('window', {
      act: { act, ...bounds, ...more },
      ...(about === undefined ? {} : { when: { about: { epoch: 1, index: about } } }),
    })
  }

  windowGap(about: number, unrecordedMax: number): this {
    const at = formatTime(this.#atUs)
    const act = { reason: 'window-interrupted', from: at, until: at, unrecorded: 0, unrecordedMax }
    const when = { about: { epoch: 1, index: about } }
    return this.record('gap', { act: act as GapFacts, when })
  }

  relaxed(): this {
    return this.intent({ recording: 'relaxed' })
  }

  relaxedEnd(about: number): this {
    return this.end(about, 'released', { recording: 'relaxed' })
  }

  skip(): this {
    this.lines.push('skipped')
    return this.wait(1_000)
  }

  /** The next process, after a crash. */
  crash(): this {
    this.incarnation += 1
    return this
  }
}

function exchange(index: number): string {
  return formatUuid(makeUuid(START_US, new Uint8Array(8).fill(index)))
}

function far(requestBytes: number, responseBytes: number): Progress {
  return { request: { bytes: requestBytes }, response: { bytes: responseBytes } }
}

function begun(): Story {
  return new Story().act('epoch', { epoch: 1, origin: 'o', vkeys: [] }).start()
}

function broken({ lines }: Story): readonly string[] {
  const checker = new PairChecker({ epoch: 1, sha256 })
  const found: string[] = []
  for (const [index, line] of lines.entries()) {
    if (line === 'skipped') checker.skip(index)
    else found.push(...checker.add(line).map(({ rule, index: at }) => `${rule} at ${at}`))
  }
  return found
}

const FOLDING = (): Story => begun().fold('open')
const COUNTED = { about: 2, count: 5 }

for (const [story, want, why] of [
  [FOLDING(), [], 'a fold counts while its incarnation lives'],
  [FOLDING().fold('tally', COUNTED).fold('close', { about: 2, count: 5 }).stop(), [], 'closed'],
  [FOLDING().stop(), ['fold at 2'], 'the stop waits for the fold'],
  [FOLDING().crash().start().foldGap(2, 10).recovery(), [], 'a crash is told of by a gap'],
  [FOLDING().crash().start().recovery(), ['fold at 2'], 'a crash that nothing tells of'],
  [FOLDING().crash().start().foldGap(2, 9).recovery(), ['fold at 4'], 'a smaller bound'],
  [FOLDING().foldGap(2, 10), ['fold at 3'], 'it lives, and is called interrupted'],
  [FOLDING().fold('tally', COUNTED).fold('close', { about: 2, count: 4 }), ['fold at 4'], 'less'],
  [FOLDING().fold('close', COUNTED).fold('tally', COUNTED), ['fold at 4'], 'after its close'],
  [FOLDING().fold('close', { ...COUNTED, reason: 'overloaded' }), ['fold at 3'], 'another reason'],
  [FOLDING().fold('close', { ...COUNTED, key: 'a' }), ['fold at 3'], 'another caller'],
  [FOLDING().fold('tally', { count: 1 }), ['about at 3'], 'a tally of nothing'],
  [FOLDING().fold('tally', { count: 1, about: 1 }), ['fold at 3'], 'a tally of a start'],
  [
    FOLDING().crash().start().foldGap(2, 10).recovery().fold('tally', COUNTED),
    ['fold at 6'],
    'counted on by the next life',
  ],
  [begun().skip().fold('tally', COUNTED).stop(), [], 'the opening could not be read'],
  [FOLDING().skip().stop(), [], 'the close could not be read'],
] as const) {
  test(`folds: ${why}`, () => assert.deepEqual(broken(story), want))
}

const OPEN = (): Story => begun().window('open')
const USED = (): Story => OPEN().relaxed().relaxedEnd(3)
const KILLED = (): Story => USED().crash().start()

for (const [story, want, why] of [
  [USED(), [], 'it is open while its incarnation lives'],
  [USED().window('close', { records: 2 }, 2).stop(), [], 'it is closed before the stop'],
  [
    USED().window('renew', { records: 2 }, 2).relaxed().window('close', { records: 1 }, 5),
    [],
    'it is renewed, and has room again',
  ],
  [OPEN().window('close', { records: 0 }, 2).window('open'), [], 'nothing came, and another opens'],
  [OPEN().intent().end(3), [], 'what is strict stands in it uncounted'],
  [KILLED().windowGap(2, 2).recovery(), [], 'a crash is told of by a gap that names its bound'],
  [begun().relaxed(), ['window at 2'], 'none is open'],
  [begun().intent().relaxedEnd(2), ['window at 3'], 'none is open, and an outcome is relaxed'],
  [USED().window('close', { records: 2 }, 2).relaxed(), ['window at 6'], 'it was closed'],
  [USED().relaxed(), ['window at 5'], 'it has no room for a third'],
  [OPEN().wait(66_000).relaxed(), ['window at 3'], 'it was over'],
  [USED().window('close', { records: 1 }, 2), ['window at 5'], 'a record was slipped in'],
  [USED().window('close', { records: 3 }, 2), ['window at 5'], 'a record was taken out'],
  [USED().window('renew', { records: 2, recordsMax: 9 }, 2), ['window at 5'], 'it grows'],
  [USED().window('renew', { records: 2 }, 1), ['window at 5'], 'a start is renewed'],
  [USED().window('renew', { records: 2 }), ['about at 5'], 'nothing is renewed'],
  [begun().window('close', { records: 0 }, 1), ['window at 2'], 'its opening was taken out'],
  [
    USED().window('renew', { records: 2 }, 2).window('close', { records: 0 }, 2),
    ['window at 6'],
    'what was renewed is closed once more',
  ],
  [OPEN().window('open'), ['window at 3'], 'two are open'],
  [OPEN().window('renew', { records: 0, recordsMax: undefined }, 2), ['window at 3'], 'no bound'],
  [USED().stop(), ['window at 2'], 'the stop waits for it'],
  [KILLED().recovery(), ['window at 2'], 'nothing tells of a crash'],
  [KILLED().windowGap(2, 3).recovery(), ['window at 6'], 'a gap claims more than its bound'],
  [KILLED().windowGap(2, 1).recovery(), ['window at 6'], 'a gap claims less than its bound'],
  [KILLED().windowGap(1, 2).recovery(), ['window at 6', 'window at 2'], 'a gap of something else'],
  [KILLED().windowGap(2, 2).windowGap(2, 2).recovery(), ['window at 7'], 'a crash is told twice'],
  [USED().windowGap(2, 2), ['window at 5'], 'it lives, and is called interrupted'],
  [
    USED().window('close', { records: 2 }, 2).crash().start().windowGap(2, 2).recovery(),
    ['window at 7'],
    'a gap of what was closed',
  ],
  [
    KILLED().windowGap(2, 2).recovery().relaxed(),
    ['window at 8'],
    'the next life goes on as if it were open',
  ],
  [
    KILLED().window('close', { records: 2 }, 2).recovery(),
    ['window at 6'],
    'the next life closes it, as if nothing were missing',
  ],
] as const) {
  test(`windows: ${why}`, () => assert.deepEqual(broken(story), want))
}

for (const [story, why] of [
  [begun().skip().relaxed(), 'the opening could not be read'],
  [OPEN().skip().relaxed().window('close', { records: 2 }, 2), 'one of them could not be read'],
  [USED().skip().relaxed(), 'the renewal could not be read'],
  [OPEN().skip().window('close', { records: 0 }, 3).stop(), 'it ends what could not be read'],
  [KILLED().skip().recovery(), 'the gap could not be read'],
  [
    OPEN()
      .wait(66_000)
      .record('refusal', { when: { clock: 'ahead' } })
      .relaxed(),
    'the clock leapt: nobody knows how long it was open',
  ],
] as const) {
  test(`windows: ${why}`, () => assert.deepEqual(broken(story), []))
}

const SILENT_MS = 2 * HEARTBEAT_MS + SILENCE_GRACE_MS

for (const [story, why] of [
  [begun().intent().intent().end(3).end(2).stop(), 'every intent has one end before the stop'],
  [begun().intent(), 'an intent is open while its incarnation lives'],
  [begun().intent().crash().start(), 'a start alone has not closed anything yet'],
  [
    begun().intent().crash().start().end(2, 'interrupted').recovery().intent(),
    'a crash is told of by the next start, the interrupted ends and the recovery',
  ],
  [
    begun().intent().crash().start().crash().start().end(2, 'interrupted').recovery(),
    'a crash before the recovery leaves it to the start after',
  ],
  [begun().stop().wait(1e9).crash().start(), 'nothing is due between a stop and a start'],
  [begun().wait(1e9).crash().start().recovery(), 'nothing is due between a crash and a recovery'],
  [
    begun()
      .wait(SILENT_MS - 1_000)
      .record('refusal', {}),
    'a heartbeat may be late',
  ],
  [
    begun()
      .wait(1e9)
      .act('gap', {
        reason: 'ledger-unavailable',
        from: formatTime(START_US),
        until: formatTime(START_US + 1e12),
        unrecorded: 7,
      }),
    'a gap is told of',
  ],
  [
    begun()
      .wait(-1e9)
      .record('refusal', { when: { clock: 'behind' } }),
    'going back is flagged',
  ],
  [
    begun()
      .wait(1e9)
      .record('refusal', { when: { clock: 'ahead' } }),
    'leaping ahead is flagged',
  ],
  [
    begun().stop().crash().wait(-1e9).start('unknown').record('refusal', {}),
    'a new process cannot know what time it was',
  ],
  [begun().skip().end(2), 'the intent may be the record that was skipped'],
  [begun().intent().skip().stop(), 'the end may be the record that was skipped'],
  [begun().skip().wait(1e9).record('refusal', {}), 'a heartbeat may have been skipped'],
  [begun().crash().skip().intent(), 'a start may have been skipped'],
  [
    begun()
      .intent()
      .record('progress', {
        how: far(5, 7),
        when: { exchange: exchange(2), about: { epoch: 1, index: 2 } },
      }),
    'progress concerns an open intent and does not end it',
  ],
  [
    begun().intent().progress(2, far(5, 7)).progress(2, far(5, 9)).endFar(2, far(6, 9)),
    'counts grow, or stay',
  ],
  [
    begun().intent().progress(2, far(5, 7)).crash().start().end(2, 'interrupted').recovery(),
    'whoever closes what a crash left has nothing to count',
  ],
  [
    begun().intent().progress(2, far(5, 7)).end(2).intent().endFar(5, far(0, 0)),
    'what one exchange has said binds no other',
  ],
] as const) {
  test(`no fault: ${why}`, () => assert.deepEqual(broken(story), []))
}

for (const [story, wanted, why] of [
  [begun().intent().end(2).end(2), ['terminal at 4'], 'an intent has two ends'],
  [begun().intent().progress(2, far(9, 0)).progress(2, far(8, 0)), ['progress at 4'], 'it shrinks'],
  [
    begun().intent().progress(2, far(0, 9)).endFar(2, far(0, 8)),
    ['progress at 4'],
    'an outcome has less of the response than a progress before it',
  ],
  [
    begun()
      .intent()
      .progress(2, { ...far(0, 0), messages: { request: 3, response: 1 } })
      .endFar(2, { ...far(0, 0), messages: { request: 2, response: 1 } }),
    ['progress at 4'],
    'an outcome has fewer messages than a progress before it',
  ],
  [
    begun().intent().end(2).progress(2, far(0, 0)),
    ['terminal at 4'],
    'a progress tells of an exchange that has ended',
  ],
  [begun().intent().progress(7, far(0, 0)), ['about at 3'], 'a progress points forward'],
  [
    begun().intent().crash().start().progress(2, far(0, 0)).end(2, 'interrupted').recovery(),
    ['incarnation at 4'],
    'a progress tells of an exchange of an incarnation that is gone',
  ],
  [begun().intent().stop(), ['terminal at 2'], 'a stop leaves an intent open'],
  [begun().intent().crash().start().recovery(), ['terminal at 2'], 'a recovery forgets an intent'],
  [begun().end(1), ['terminal at 2'], 'an outcome ends what is no intent'],
  [begun().end(7), ['about at 2'], 'an outcome points forward'],
  [begun().end(2), ['about at 2'], 'an outcome points at itself'],
  [
    begun().record('outcome', { how: { ended: 'released' } }),
    ['about at 2'],
    'an outcome points at nothing',
  ],
  [
    begun()
      .intent()
      .intent()
      .end(2, 'released', { exchange: exchange(3) }),
    ['about at 4'],
    'an outcome is of another exchange',
  ],
  [
    begun()
      .intent()
      .intent({ exchange: exchange(2) }),
    ['terminal at 3'],
    'an exchange begins twice',
  ],
  [begun().intent().end(2, 'interrupted'), ['incarnation at 3'], 'the living are not interrupted'],
  [
    begun().intent().crash().start().end(2, 'released').recovery(),
    ['incarnation at 4'],
    'an incarnation releases what another let in',
  ],
  [
    begun().crash().intent(),
    ['incarnation at 2', 'incarnation at 2'],
    'there is no start, and no recovery',
  ],
  [begun().crash().start().intent(), ['incarnation at 3'], 'traffic comes before the recovery'],
  [begun().stop().intent(), ['incarnation at 3'], 'somebody writes after the stop'],
  [
    begun().crash().start().recovery().intent({ incarnation: 1 }),
    ['incarnation at 4'],
    'a stale incarnation writes on',
  ],
  [begun().wait(SILENT_MS).record('refusal', {}), ['silence at 2'], 'a silence is not told of'],
  [
    begun()
      .wait(1e9)
      .act('gap', {
        reason: 'ledger-unavailable',
        from: formatTime(START_US + 5e11),
        until: formatTime(START_US + 1e12),
        unrecorded: 7,
      }),
    ['silence at 2'],
    'a gap tells of half the silence',
  ],
  [begun().wait(-1e6).record('refusal', {}), ['time at 2'], 'time goes back unflagged'],
  [
    begun()
      .wait(-1e6)
      .record('refusal', { when: { clock: 'behind' } })
      .record('refusal', {}),
    ['time at 3'],
    'the flag is dropped before the time is made up',
  ],
  [
    begun()
      .wait(-1e6)
      .record('refusal', { when: { clock: 'unknown' } }),
    ['time at 2'],
    'a running process knows what time it was',
  ],
] as const) {
  test(`broken: ${why}`, () => assert.deepEqual(broken(story), wanted))
}

const TWO = (): Story => begun().intent().intent()

for (const [story, want, why] of [
  [TWO().lost(1).end(2, 'interrupted').end(3).stop(), [], 'one of its own, the other lives on'],
  [TWO().lost(2).end(3, 'interrupted').end(2, 'interrupted').stop(), [], 'both, in any order'],
  [TWO().lost(0).end(2).end(3).stop(), [], 'it had nothing open'],
  [TWO().lost(1).end(2, 'interrupted').end(3, 'interrupted'), ['incarnation at 6'], 'more'],
  [TWO().lost(2).end(2, 'interrupted').end(3).stop(), ['terminal at 7'], 'fewer'],
  [begun().lost(1).intent().end(3, 'interrupted'), ['incarnation at 4'], 'one that came after'],
  [
    begun().intent().lost(1).crash().start().end(2, 'interrupted').recovery().stop(),
    [],
    'all that ended before it was done',
  ],
  [
    begun()
      .intent()
      .lost(1)
      .crash()
      .start()
      .end(2, 'interrupted')
      .recovery()
      .intent()
      .end(7, 'interrupted'),
    ['incarnation at 8'],
    'what is told of one incarnation is nothing to the next',
  ],
  [FOLDING().lost(0, 1).foldGap(2, 10).stop(), [], 'its fold ends as a gap'],
  [FOLDING().lost(0, 1).foldGap(2, 9).stop(), ['fold at 4'], 'with another bound'],
  [FOLDING().lost(1, 0).foldGap(2, 10), ['fold at 4'], 'an intent is no fold'],
  [TWO().skip().end(2, 'interrupted').end(3), [], 'what told of it could not be read'],
] as const) {
  test(`a worker is lost: ${why}`, () => assert.deepEqual(broken(story), want))
}

test('open intents are counted', () => {
  const checker = new PairChecker({ epoch: 1, sha256 })
  for (const line of begun().intent().intent().end(2).lines) {
    if (line !== 'skipped') checker.add(line)
  }
  assert.equal(checker.openIntents, 1)
})
