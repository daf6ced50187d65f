export { BodyReader } from './body-reader.ts'
export {
  type Fields,
  fieldsOfLines,
  formatFields,
  hasBareLineEnd,
  isFieldValue,
  isToken,
  type MadeLines,
  parseFields,
} from './fields.ts'
export { KeptFields } from './kept-fields.ts'
