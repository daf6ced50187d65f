/** What `data/demo.env` gives to the shell that reads it. */
export interface DemoEnvironment {
  readonly GATEWAY: string
  readonly ADMIN: string
  readonly UPSTREAM: string
  readonly ADA: string
  readonly BEN: string
  readonly OPS: string
  readonly VKEY: string
  readonly ORIGIN: string
  readonly LOG: string
  readonly PID: string
}

/** One assignment a line, each value quoted so that a shell takes it as it is. */
export function formatEnvironment(environment: DemoEnvironment): string {
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}\n`)
  return lines.join('')
}

function quote(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`
}
