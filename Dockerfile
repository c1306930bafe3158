FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY scripts ./scripts
COPY src ./src
RUN npm run build && chmod +x dist/cli.js

FROM node:24-slim
# Memory limits: docs/operations.md.
ENV NODE_ENV=production \
    NODE_USE_ENV_PROXY=1 \
    NODE_OPTIONS="--max-semi-space-size=2 --max-old-space-size=1024" \
    TOKENTIDE_JOBS=/app/jobs \
    TOKENTIDE_DATA=/data \
    TOKENTIDE_LISTEN=0.0.0.0:9464
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY jobs ./jobs
# A named volume inherits the owner of the folder it is mounted on.
RUN ln -s /app/dist/cli.js /usr/local/bin/tokentide && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 9464
# Liveness, not readiness: an unreachable provider is no reason to restart the collector.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tokentide"]
CMD ["run"]
