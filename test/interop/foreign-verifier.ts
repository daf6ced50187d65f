import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'

/** Debian's golang-golang-x-mod-dev puts its source here, for builds without modules. */
const DEBIAN_SOURCES = '/usr/share/gocode'

export const INSTALL = 'apt-get install golang-go golang-golang-x-mod-dev'

/** The Go to build with: Debian's, or the one of the machine. */
export function findGo(): string | undefined {
  const debian = globSync('/usr/lib/go-*/bin/go').sort().at(-1)
  const found = [debian, '/usr/local/go/bin/go', 'go'].find(
    (go) => go !== undefined && spawnSync(go, ['version']).status === 0,
  )
  return found
}

/** The foreign verifier, built: one Go program that shares no code with ours. */
export class ForeignVerifier {
  readonly #program: string

  private constructor(program: string) {
    this.#program = program
  }

  /** Builds it with Debian's source of x/mod, or as a module where that is not installed. */
  static build(go: string, directory: string): ForeignVerifier {
    const program = join(directory, 'interop')
    const withDebian = existsSync(join(DEBIAN_SOURCES, 'src/golang.org/x/mod'))
    const env = withDebian
      ? { ...process.env, GO111MODULE: 'off', GOPATH: DEBIAN_SOURCES, GOFLAGS: '' }
      : { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly' }
    execFileSync(go, ['build', '-o', program, '.'], { cwd: import.meta.dirname, env })
    return new ForeignVerifier(program)
  }

  /** Its one line about a log directory: `ok SIZE ROOT` or `FAILED: why`. */
  log(directory: string, vkey: string): string {
    return this.#run(['log', directory, vkey])
  }

  /** Its one line about a .tlog-proof file of the entry in the file `leaf`. */
  proof(file: string, vkey: string, leaf: string): string {
    return this.#run(['proof', file, vkey, leaf])
  }

  #run(parameters: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync(this.#program, parameters, { encoding: 'utf8' })
    const isVerdict = stdout.startsWith(status === 0 ? 'ok ' : 'FAILED: ')
    if (!isVerdict) throw new Error(`foreign verifier ended with ${status}: ${stdout}${stderr}`)
    return stdout.trimEnd()
  }
}
