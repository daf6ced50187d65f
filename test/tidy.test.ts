// Style and structure, as a test: rooms, arrows, bans, sizes. ARCHITECTURE.md has the same table.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const GATEWAY = 'packages/gateway/src'

/** Room -> rooms it may import. A new room is a row here first, and in ARCHITECTURE.md. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  tlog: [],
  evidence: ['tlog'],
  platform: [],
  ledger: ['platform', 'tlog'],
  vault: ['platform', 'evidence'],
  recorder: ['ledger', 'vault', 'evidence', 'platform', 'tlog'],
  identity: ['platform', 'evidence'],
  limits: ['platform', 'evidence'],
  policy: ['evidence'],
  containment: ['platform', 'evidence'],
  approval: ['platform', 'evidence'],
  http1: [],
  upstream: ['http1', 'platform', 'evidence'],
  acme: ['platform'],
  proxy: [
    'acme',
    'http1',
    'upstream',
    'telemetry',
    'identity',
    'policy',
    'limits',
    'containment',
    'approval',
    'recorder',
    'evidence',
    'platform',
  ],
  verify: ['ledger', 'vault', 'evidence', 'platform', 'tlog'],
  admin: [
    'identity',
    'containment',
    'approval',
    'upstream',
    'recorder',
    'ledger',
    'vault',
    'evidence',
    'platform',
    'tlog',
    'console',
  ],
  demo: ['platform'],
  telemetry: [],
  config: [
    'ledger',
    'vault',
    'recorder',
    'identity',
    'policy',
    'limits',
    'approval',
    'upstream',
    'proxy',
    'admin',
    'telemetry',
  ],
  cli: [
    'config',
    'evidence',
    'tlog',
    'platform',
    'verify',
    'ledger',
    'vault',
    'identity',
    'demo',
    'policy',
  ],
  console: ['tlog', 'evidence'],
}

/** What the compose level may do that nobody else may: meet the real clock, disk and network. */
const COMPOSE = 'compose'

/** A pattern that must not occur, where it may, and what to use. */
interface Ban {
  readonly pattern: RegExp
  readonly rooms: readonly string[]
  readonly instead: string
}

const NETWORK_ROOMS = ['upstream', 'proxy', 'admin', 'demo', COMPOSE]
const BANS: readonly Ban[] = [
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, rooms: ['platform'], instead: 'Clock' },
  { pattern: /\bperformance\.now\(/, rooms: ['platform'], instead: 'Clock.ticksMs' },
  { pattern: /\bset(Timeout|Interval)\(/, rooms: ['platform', COMPOSE], instead: 'Clock.after' },
  { pattern: /\bMath\.random\(|\brandomBytes\(/, rooms: ['platform'], instead: 'Random' },
  { pattern: /\brandomUUID(v7)?\(/, rooms: ['platform'], instead: 'Random' },
  { pattern: /['"]node:fs/, rooms: ['platform', COMPOSE], instead: 'Disk' },
  { pattern: /['"]node:sqlite/, rooms: ['platform'], instead: 'Lock' },
  {
    pattern: /['"](node:(http|https|http2|net|tls)|undici)['"]/,
    rooms: NETWORK_ROOMS,
    instead: 'proxy',
  },
  { pattern: /\bprocess\./, rooms: ['platform', 'demo', COMPOSE], instead: 'an argument' },
  { pattern: /\bconsole\.(log|error|warn)\(/, rooms: [], instead: 'an output passed in' },
]

const ISOMORPHIC = ['tlog', 'evidence']
const COLUMNS_MAX = 100
const LINES_MAX = 500
const TEST_LINES_MAX = 800
const NAMES_BANNED = /(^|\/)(utils?|helpers?|common|misc)(\.ts|\/|$)/

const sources = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts', '*.tsx'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)) && !path.includes('/generated/'))

test('there is something to check', () => assert.ok(sources.length > 20))

for (const path of sources) {
  const text = readFileSync(join(root, path), 'utf8')
  const room = roomOf(path)
  const isTest = path.endsWith('.test.ts') || !path.startsWith('packages/')
  test(`${path} is tidy`, () => {
    assert.doesNotMatch(path, NAMES_BANNED, 'put it with its noun')
    checkSizes(path, text, isTest)
    if (isTest || room === undefined) return
    checkImports(path, room, text)
    checkBans(room, text)
  })
}

function checkSizes(path: string, text: string, isTest: boolean): void {
  const lines = text.split('\n')
  const linesMax = isTest ? TEST_LINES_MAX : LINES_MAX
  assert.ok(lines.length <= linesMax, `${path} has ${lines.length} lines, at most ${linesMax}`)
  const long = lines.findIndex((line) => line.length > COLUMNS_MAX && !isLongLiteral(line))
  assert.equal(long, -1, `${path}:${long + 1} is longer than ${COLUMNS_MAX} columns`)
}

/** A vector or a URL cannot be folded. */
function isLongLiteral(line: string): boolean {
  return /^\s*(\/\/ |\* )?\S{80,}$|['"`][^'"`\s]{60,}['"`]|https?:\/\/\S+/.test(line)
}

function checkImports(path: string, room: string, text: string): void {
  for (const specifier of importsOf(text)) {
    if (ISOMORPHIC.includes(room)) {
      assert.match(specifier, /^(\.|@countersign\/tlog$)/, `${room} imports ${specifier}`)
    }
    const target = targetRoom(path, specifier)
    if (target === undefined || target === room || room === COMPOSE) continue
    assert.ok(ARROWS[room]?.includes(target), `${room} may not import ${target} (${specifier})`)
    if (specifier.startsWith('.')) {
      assert.match(specifier, /\/index\.ts$/, `${specifier}: another room is its index.ts`)
    }
  }
}

function checkBans(room: string, text: string): void {
  for (const { pattern, rooms, instead } of BANS) {
    if (rooms.includes(room)) continue
    const line = text
      .split('\n')
      .findIndex((each) => pattern.test(each) && !/^\s*(\/\/|\*|\/\*)/.test(each))
    assert.equal(line, -1, `line ${line + 1}: ${pattern} is banned here, use ${instead}`)
  }
}

function importsOf(text: string): readonly string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].flatMap(
    ([, name]) => name ?? [],
  )
}

function roomOf(path: string): string | undefined {
  if (!path.startsWith(`${GATEWAY}/`)) return /^packages\/([^/]+)\/src\//.exec(path)?.[1]
  const inside = path.slice(GATEWAY.length + 1)
  const folder = inside.split('/')[0] ?? ''
  return inside.includes('/') && folder !== COMPOSE ? folder : COMPOSE
}

function targetRoom(path: string, specifier: string): string | undefined {
  const workspace = /^@countersign\/([^/]+)/.exec(specifier)?.[1]
  if (workspace !== undefined) return workspace
  if (!specifier.startsWith('.')) return undefined
  return roomOf(relative(root, join(root, dirname(path), specifier)))
}

test('every room is a folder, and every folder a room', () => {
  const rooms = new Set(
    sources.map(roomOf).filter((room) => room !== undefined && room !== COMPOSE),
  )
  for (const room of rooms)
    assert.ok(ARROWS[room ?? ''] !== undefined, `${room} is no row of the table`)
})

test('arrows point down: no two rooms import each other, not even in a circle', () => {
  const seen = new Map<string, 'open' | 'done'>()
  const visit = (room: string, trail: readonly string[]): void => {
    assert.notEqual(seen.get(room), 'open', `a circle: ${[...trail, room].join(' -> ')}`)
    if (seen.get(room) === 'done') return
    seen.set(room, 'open')
    for (const next of ARROWS[room] ?? []) visit(next, [...trail, room])
    seen.set(room, 'done')
  }
  for (const room of Object.keys(ARROWS)) visit(room, [])
})
