import * as ws from 'ws';

interface FrameOptions {
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly opcode: number;
  readonly mask: boolean;
  readonly readOnly: boolean;
}

/** The frame encoder of ws, which it exports but its types do not declare. */
export const { Sender } = ws as unknown as {
  Sender: { frame(payload: Buffer, options: FrameOptions): Buffer[] };
};
