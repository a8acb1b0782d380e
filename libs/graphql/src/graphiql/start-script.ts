/** What a newcomer finds in the editor. Valid as it stands; a spec holds it against the schema. */
export const welcomeQuery = `# Berth gives every device its hub. Run this with Ctrl-Enter; the docs are behind the book on the left.
# With BERTH_AUTH=apikey, put { "Authorization": "Bearer <key>" } under Headers below, then re-fetch the schema.

query Overview {
  allocationPolicy { policy hubs }
  hubs(first: 20) {
    totalCount
    nodes { name state weight capacity load { devices share targetShare } }
  }
  registrations(first: 10) {
    totalCount
    nodes {
      registrationId status hub reason
      decision { at policy candidates { hub verdict reason score } }
    }
  }
}

mutation LinkHub {
  hubLink(input: { name: "hub-a", weight: 1 }) {
    hub { name state version }
    userErrors { code field message }
    position
  }
}

subscription Loads {
  hubLoads(maxPerSecond: 1) { hub devices share targetShare }
}
`;

/** Runs in the browser after React and GraphiQL have loaded. */
export const startScript = `'use strict';
const url = location.origin + location.pathname;
ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url, subscriptionUrl: url.replace(/^http/, 'ws') }),
    defaultQuery: ${JSON.stringify(welcomeQuery)},
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
  }),
);
`;
