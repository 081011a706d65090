// A Backstage backend as small as one can be that issues all of its tokens: its users are guests, and its plugin `caller`
// asks for tokens and calls other plugins, wherever `discovery.endpoints` say that they are.
'use strict';

const { createBackend } = require('@backstage/backend-defaults');
const { coreServices, createBackendPlugin } = require('@backstage/backend-plugin-api');
const { Router } = require('express');

const caller = createBackendPlugin({
  pluginId: 'caller',
  register(env) {
    env.registerInit({
      deps: {
        auth: coreServices.auth,
        discovery: coreServices.discovery,
        httpAuth: coreServices.httpAuth,
        httpRouter: coreServices.httpRouter,
      },
      async init({ auth, discovery, httpAuth, httpRouter }) {
        // Of this plugin, or of it on behalf of the user who asks, for the plugin `target`.
        const tokenFor = async (request, target) => {
          const onBehalfOf =
            request.query.as === 'user'
              ? await httpAuth.credentials(request, { allow: ['user'] })
              : await auth.getOwnServiceCredentials();
          const { token } = await auth.getPluginRequestToken({ onBehalfOf, targetPluginId: target });
          return token;
        };
        const routes = {
          // Who calls, as this Backstage sees it.
          '/whoami': async request => (await httpAuth.credentials(request)).principal,
          '/token': async request => ({ token: await tokenFor(request, request.query.target) }),
          '/limited': async request => {
            const credentials = await httpAuth.credentials(request, { allow: ['user'] });
            return auth.getLimitedUserToken(credentials);
          },
          // What the plugin `target` answers at `path`.
          '/call': async request => {
            const { target, path } = request.query;
            const answer = await fetch(`${await discovery.getBaseUrl(target)}${path}`, {
              headers: { authorization: `Bearer ${await tokenFor(request, target)}` },
            });
            return { status: answer.status, body: await answer.text() };
          },
        };
        const router = Router();
        for (const [path, answer] of Object.entries(routes)) {
          router.get(path, (request, response, next) => {
            answer(request).then(body => response.json(body), next);
          });
        }
        httpRouter.use(router);
      },
    });
  },
});

const backend = createBackend();
backend.add(require('@backstage/plugin-auth-backend'));
backend.add(require('@backstage/plugin-auth-backend-module-guest-provider'));
backend.add(caller);
backend.start();
