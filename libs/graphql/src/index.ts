export { GraphqlModule } from './graphql.module.js';
export { graphqlPath } from './http/graphql-http.js';
