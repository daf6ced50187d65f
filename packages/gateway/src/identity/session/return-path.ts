/** Characters of a return path; a longer one leads to `/`. */
const RETURN_PATH_LENGTH_MAX = 2048

/**
 * Where a browser goes after it has signed in: a path of this origin, and never anything that a
 * browser could read as another origin (`//host`, `/\host`, `https:host`, an escaped slash first).
 */
export function localPath(target: string): string {
  if (target.length > RETURN_PATH_LENGTH_MAX) return '/'
  if (!/^\/[\x21-\x7e]*$/.test(target)) return '/'
  if (/^\/+(?:[/\\]|%2f|%5c)/i.test(target) || target.includes('\\')) return '/'
  return target
}
