/** What Grafana reads at start, alert rules excepted. Variables are those of Grafana's own environment. */

/** Alert rules name it, and dashboards prefer it. */
export const DATA_SOURCE_UID = 'tokentide';

export const dataSource = {
  comment: `Data source for the stored points, in InfluxQL, which every InfluxDB understands. InfluxDB 2 maps a bucket to the
database of the same name (DBRP), unless another mapping was created; InfluxDB 1 ignores the header.
The variables come from Grafana's environment: see docker-compose.yml.`,
  content: {
    apiVersion: 1,
    datasources: [
      {
        name: 'tokentide',
        uid: DATA_SOURCE_UID,
        type: 'influxdb',
        access: 'proxy',
        url: '${INFLUX_HOST}',
        isDefault: true,
        editable: false,
        jsonData: {
          version: 'InfluxQL',
          dbName: '${INFLUX_BUCKET}',
          httpMode: 'POST',
          // The smallest bucket: no panel asks for a smaller step.
          timeInterval: '1h',
          httpHeaderName1: 'Authorization',
        },
        secureJsonData: { httpHeaderValue1: 'Token ${INFLUX_TOKEN}' },
      },
    ],
  },
};

export const dashboardProvider = {
  comment:
    'Where the dashboards are in the container: docker-compose.yml mounts a folder of grafana/dashboards there.',
  content: {
    apiVersion: 1,
    providers: [
      {
        name: 'tokentide',
        type: 'file',
        folder: 'tokentide',
        disableDeletion: true,
        allowUiUpdates: false,
        updateIntervalSeconds: 60,
        options: { path: '/etc/tokentide/dashboards', foldersFromFilesStructure: false },
      },
    ],
  },
};
