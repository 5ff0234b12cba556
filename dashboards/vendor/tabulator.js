// What grid.js shows tables with: the grid, and of its modules only those that it uses.
export {
  FormatModule,
  InteractionModule,
  KeybindingsModule,
  ResizeColumnsModule,
  ResizeTableModule,
  SortModule,
  Tabulator,
} from "tabulator-tables";
