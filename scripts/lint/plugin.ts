/** Rules of this repository that the linter does not ship: each is one syntax node that may not appear. */

interface RuleContext {
  report(problem: { readonly node: unknown; readonly message: string }): void;
}

interface NewExpression {
  readonly callee: { readonly type: string; readonly name?: string };
  readonly arguments: readonly unknown[];
}

const noDynamicImport = {
  create(context: RuleContext) {
    return {
      ImportExpression(node: unknown): void {
        context.report({ node, message: "Dynamic import() hides an edge of the import graph. Import statically." });
      },
    };
  },
};

const noCurrentDate = {
  create(context: RuleContext) {
    return {
      NewExpression(node: NewExpression): void {
        if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
          context.report({ node, message: "new Date() reads the wall clock. Take the time from the injected Clock." });
        }
      },
    };
  },
};

export default {
  meta: { name: "sluice" },
  rules: { "no-dynamic-import": noDynamicImport, "no-current-date": noCurrentDate },
};
