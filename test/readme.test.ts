// The README's first screen, run as a newcomer would: in a checkout of its own, in a real shell.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitFor } from './demo-process.ts'

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const FIRST_SCREEN_LINES = 40
// A test may not ask for ports that somebody else may be using: the one liberty it takes.
const FREE_PORTS = ['--', '--port', '0', '--admin-port', '0', '--upstream-port', '0']

interface Line {
  readonly command: string
  /** What the README says comes out, in its own words. */
  readonly promise: readonly string[]
}

const lines: readonly Line[] = transcript()
const [start, ...rest] = lines
let checkout: string
let stopped: Promise<number | null>
let pid: number
let outputs: readonly string[] = []

before(async () => {
  checkout = makeCheckout()
  const child = spawn('npm', ['start', ...FREE_PORTS], { cwd: checkout, stdio: 'ignore' })
  stopped = new Promise((resolve) => child.once('close', resolve))
  await waitFor(() => existsSync(join(checkout, 'data/demo.env')) || child.exitCode !== null)
  const [, id] = /^PID='(\d+)'$/m.exec(readFileSync(join(checkout, 'data/demo.env'), 'utf8')) ?? []
  pid = Number(id)
  outputs = runInShell(rest.map(({ command }) => command))
})

after(async () => {
  process.kill(pid, 'SIGINT')
  assert.equal(await stopped, 0, 'npm start ends well when it is told to stop')
  rmSync(checkout, { recursive: true })
})

test('the first screen is one, and begins with npm start', () => {
  assert.equal(start?.command, 'npm start')
  assert.ok(
    readme.split('\n').slice(0, FIRST_SCREEN_LINES).join('\n').includes('countersign verify'),
  )
  assert.equal(lines.length, 7)
})

for (const [index, { command, promise }] of rest.entries()) {
  test(`README: ${command}`, () => {
    const output = outputs[index] ?? ''
    for (const part of promise) assert.match(output, patternOf(part), output)
  })
}

for (const [path] of readme.matchAll(/(?<=\]\()(?!https?:)[^)#]+/g)) {
  test(`README links to ${path}, which is there`, () => {
    assert.ok(existsSync(join(root, path)))
  })
}

/** The commands of the first block, with what stands behind them. */
function transcript(): readonly Line[] {
  const [, block = ''] = /```console\n([^`]*)```/.exec(readme) ?? []
  return block
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, command = '', comment = ''] = /^\$ (.*?)(?: {2,}# (.*))?$/.exec(line) ?? []
      const isOutput = !/^(npm start|\. )/.test(command)
      return { command, promise: isOutput ? comment.split(', ') : [] }
    })
}

/** Numbers and cut-off digests are examples; the words around them are promises. */
function patternOf(promise: string): RegExp {
  const [, status, reason] = /^(\d{3})(?: (.*))?$/.exec(promise) ?? []
  if (status !== undefined) return new RegExp(`^HTTP/1.1 ${status} [^]*${reason ?? ''}`, 'm')
  const [, index] = /^receipt index=(\d+)$/.exec(promise) ?? []
  if (index !== undefined) return /^countersign-receipt: "[^"]+"; epoch=\d+; index=\d+; leaf=:/m
  const text = promise.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(
    text.replaceAll(/\d\w*…/g, '[0-9a-f]+…').replaceAll(/\b\d+\b/g, String.raw`\d+`),
  )
}

/** One shell for all of them: the second line gives the others their variables. */
function runInShell(commands: readonly string[]): readonly string[] {
  const MARK = '=== next ==='
  const script = commands.map((command) => `${command} 2>&1; echo '${MARK}'`).join('\n')
  const output = execFileSync('bash', ['-c', script], {
    cwd: checkout,
    encoding: 'utf8',
    env: { ...process.env, XDG_STATE_HOME: join(checkout, 'state') },
  })
  return output.split(`${MARK}\n`)
}

/** What git knows of this directory, and the installed dependencies beside it. */
function makeCheckout(): string {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), 'countersign-readme-')))
  const files = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], { cwd: root })
  for (const file of String(files).split('\0')) {
    if (file === '' || !existsSync(join(root, file))) continue
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    copyFileSync(join(root, file), join(copy, file))
  }
  linkModules(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Links to each package, except that the workspace's own are the copy's. */
function linkModules(from: string, to: string): void {
  mkdirSync(to)
  const own = ['@countersign', 'countersign', '.bin']
  for (const name of readdirSync(from)) {
    if (!own.includes(name)) symlinkSync(join(from, name), join(to, name))
  }
  symlinkSync('../packages/gateway', join(to, 'countersign'))
  mkdirSync(join(to, '@countersign'))
  for (const name of ['tlog', 'evidence', 'console']) {
    symlinkSync(`../../packages/${name}`, join(to, '@countersign', name))
  }
  mkdirSync(join(to, '.bin'))
  symlinkSync('../countersign/bin/countersign.cjs', join(to, '.bin/countersign'))
  symlinkSync(process.execPath, join(to, '.bin/node'))
}
