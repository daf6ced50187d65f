// Control characters of every kind, what turns the direction of text or is not seen at all, and
// what ends a line beside a line feed.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu
const UNSEEN_BUT_LINE_FEED = /(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu

/**
 * One line for a terminal. Names of files, origins and what callers sent may hold anything: shown
 * raw, they could move the cursor and write a verdict of their own.
 */
export function printable(line: string): string {
  return line.replace(UNSEEN, escaped)
}

/** The same of text that is in lines. */
export function printableLines(text: string): string {
  return text.replace(UNSEEN_BUT_LINE_FEED, escaped)
}

/** Facts for a program: one object, where an escape means the character that it stands for. */
export function jsonLine(facts: unknown): string {
  return `${printableLines(JSON.stringify(facts))}\n`
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
