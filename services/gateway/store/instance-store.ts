import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Instance, InstanceSchema } from "@heddle/contracts/heddle/registry/v1";
import { type Reader, sql, type Tx } from "@heddle/mesh/store";

const put = sql<{ instanceId: string; instance: Uint8Array }>(`
  INSERT INTO instances (instance_id, instance) VALUES (:instanceId, :instance)
  ON CONFLICT DO UPDATE SET instance = excluded.instance`);

const drop = sql<{ instanceId: string }>("DELETE FROM instances WHERE instance_id = :instanceId");

const all = sql<Record<string, never>, { instance: Uint8Array }>("SELECT instance FROM instances ORDER BY instance_id");

/** The instances that are registered; as many as the registry lets in. */
export const instanceStore = () => ({
  async put(tx: Tx, instance: Instance): Promise<void> {
    await tx.run(put, { instanceId: instance.instanceId, instance: toBinary(InstanceSchema, instance) });
  },
  async drop(tx: Tx, instanceId: string): Promise<void> {
    await tx.run(drop, { instanceId });
  },
  async all(reader: Reader): Promise<Instance[]> {
    return (await reader.all(all, {})).map(({ instance }) => fromBinary(InstanceSchema, instance));
  },
});

export type InstanceStore = ReturnType<typeof instanceStore>;
