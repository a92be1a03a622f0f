import * as ws from 'ws';

interface FrameOptions {
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly opcode: number;
  readonly mask: boolean;
  readonly readOnly: boolean;
}

/** What ws frames with; it exports it, but its types do not know it. */
export const { Sender } = ws as unknown as {
  Sender: { frame(payload: Buffer, options: FrameOptions): Buffer[] };
};
