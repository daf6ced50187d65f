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

/** What the `Cookie` lines name, in their order, with how long name and value are. */
export function cookieNames(
  lines: readonly string[],
): readonly { readonly name: string; readonly length: number }[] {
  return lines
    .flatMap((line) => line.split(';'))
    .map((pair) => pair.trim())
    .map((pair) => ({ name: pair.split('=', 1)[0] ?? '', length: pair.length }))
}

/** A `Cookie` line without those whose names begin so; undefined where nothing is left of it. */
export function withoutCookies(line: string, prefix: string): string | undefined {
  const kept = line
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !pair.startsWith(prefix))
  return kept.length === 0 ? undefined : kept.join('; ')
}
