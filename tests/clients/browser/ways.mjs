// The ways in which a flow is run.

const SCRIPTED = ["with JavaScript", {}];
const PLAIN = ["without JavaScript", { javaScriptEnabled: false }];

/** A page must do all of this without a script, too. */
export const both = (flow) => ({ flow, ways: [SCRIPTED, PLAIN] });

/** A convenience that only a script can give. */
export const scripted = (flow) => ({ flow, ways: [SCRIPTED] });
