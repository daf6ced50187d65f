/** A cookie that only this host, over TLS, and no script can read (RFC 6265bis, `__Host-`). */
export function hostCookie(name: string, value: string, maxAgeSeconds: number): string {
  return `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Lax`
}

export function endedCookie(name: string): string {
  return hostCookie(name, '', 0)
}

/** Every value of a cookie in the `Cookie` lines: two of one name are for the caller to refuse. */
export function cookieValues(lines: readonly string[], name: string): readonly string[] {
  return lines
    .flatMap((line) => line.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
}

/** A `Cookie` line without the named ones; undefined where nothing is left of it. */
export function withoutCookies(line: string, names: ReadonlySet<string>): string | undefined {
  const kept = line
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !names.has(pair.slice(0, Math.max(0, pair.indexOf('=')))))
  return kept.length === 0 ? undefined : kept.join('; ')
}
