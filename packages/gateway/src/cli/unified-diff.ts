/** Lines around a change, for a reader to find the place. */
const CONTEXT_LINES = 3
/** Beyond so many changed lines one text replaces the other: nobody reads such a diff by line. */
const CHANGES_MAX = 600

interface Line {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

/** What turns one text into the other, as `diff -u` says it; empty for equal texts. */
export function unifiedDiff(
  before: { readonly label: string; readonly text: string },
  after: { readonly label: string; readonly text: string },
): string {
  if (before.text === after.text) return ''
  const lines = compare(linesOf(before.text), linesOf(after.text))
  const hunks = hunksOf(lines).map((hunk) => formatHunk(lines, hunk))
  return `--- ${before.label}\n+++ ${after.label}\n${hunks.join('')}`
}

/** A last line without its end is another line than one with it. */
function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') return lines.slice(0, -1)
  return [...lines.slice(0, -1), `${lines.at(-1)}\n\\ No newline at end of file`]
}

function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0
  while (head < Math.min(before.length, after.length) && before[head] === after[head]) head += 1
  let tail = 0
  const most = Math.min(before.length, after.length) - head
  while (tail < most && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1
  const middle = shortestEdit(
    before.slice(head, before.length - tail),
    after.slice(head, after.length - tail),
  )
  return [
    ...before.slice(0, head).map((text) => same(text)),
    ...middle,
    ...before.slice(before.length - tail).map((text) => same(text)),
  ]
}

/** Myers' algorithm (1986): forward to the end, then back along the way that got there. */
function shortestEdit(before: readonly string[], after: readonly string[]): readonly Line[] {
  const trace: Map<number, number>[] = []
  let reached = new Map<number, number>([[1, 0]])
  for (let edits = 0; edits <= before.length + after.length; edits += 1) {
    if (edits > CHANGES_MAX) break
    trace.push(new Map(reached))
    const next = new Map(reached)
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = startOf(next, diagonal, edits)
      while (
        x < before.length &&
        x - diagonal < after.length &&
        before[x] === after[x - diagonal]
      ) {
        x += 1
      }
      next.set(diagonal, x)
      if (x >= before.length && x - diagonal >= after.length) return walkBack(trace, before, after)
    }
    reached = next
  }
  return [...before.map((text) => removed(text)), ...after.map((text) => added(text))]
}

function startOf(reached: ReadonlyMap<number, number>, diagonal: number, edits: number): number {
  const above = reached.get(diagonal + 1) ?? -1
  const left = reached.get(diagonal - 1) ?? -1
  const isDown = diagonal === -edits || (diagonal !== edits && left < above)
  return isDown ? above : left + 1
}

function walkBack(
  trace: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): readonly Line[] {
  const lines: Line[] = []
  let [x, y] = [before.length, after.length]
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reached = trace[edits] ?? new Map<number, number>()
    const diagonal = x - y
    const above = reached.get(diagonal + 1) ?? -1
    const left = reached.get(diagonal - 1) ?? -1
    const isDown = diagonal === -edits || (diagonal !== edits && left < above)
    const fromX = isDown ? above : left
    const fromY = fromX - (isDown ? diagonal + 1 : diagonal - 1)
    while (x > Math.max(fromX, 0) && y > Math.max(fromY, 0) && before[x - 1] === after[y - 1]) {
      x -= 1
      y -= 1
      lines.push(same(before[x] ?? ''))
    }
    if (edits === 0) break
    if (isDown) {
      y -= 1
      lines.push(added(after[y] ?? ''))
    } else {
      x -= 1
      lines.push(removed(before[x] ?? ''))
    }
  }
  return lines.toReversed()
}

interface Hunk {
  readonly from: number
  readonly to: number
}

function hunksOf(lines: readonly Line[]): readonly Hunk[] {
  const hunks: Hunk[] = []
  for (const [at, { sign }] of lines.entries()) {
    if (sign === ' ') continue
    const from = Math.max(0, at - CONTEXT_LINES)
    const to = Math.min(lines.length, at + CONTEXT_LINES + 1)
    const last = hunks.at(-1)
    if (last === undefined || from > last.to) hunks.push({ from, to })
    else hunks[hunks.length - 1] = { from: last.from, to }
  }
  return hunks
}

function formatHunk(lines: readonly Line[], { from, to }: Hunk): string {
  const shown = lines.slice(from, to)
  const range = (sign: '-' | '+'): string => {
    const other = sign === '-' ? '+' : '-'
    const before = lines.slice(0, from).filter((line) => line.sign !== other).length
    const count = shown.filter((line) => line.sign !== other).length
    const start = count === 0 ? before : before + 1
    return `${sign}${start}${count === 1 ? '' : `,${count}`}`
  }
  const body = shown.map(({ sign, text }) => `${sign}${text}\n`).join('')
  return `@@ ${range('-')} ${range('+')} @@\n${body}`
}

function same(text: string): Line {
  return { sign: ' ', text }
}

function removed(text: string): Line {
  return { sign: '-', text }
}

function added(text: string): Line {
  return { sign: '+', text }
}
