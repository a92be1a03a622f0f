import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { Admission, Authenticator } from 'nestjs-redis-backplane';
import { tokenOf, type TokenPayload } from './token.js';

@Injectable()
export class JwtAuthenticator implements Authenticator {
  constructor(private readonly jwt: JwtService) {}

  async authenticate(request: IncomingMessage): Promise<Admission | null> {
    const token = await this.jwt.verifyAsync<TokenPayload>(tokenOf(request)).catch(() => null);
    // No token, a forged or an expired one, or one that names nobody: null refuses the client with 401.
    if (typeof token?.sub !== 'string' || token.sub === '') return null;
    return { userId: token.sub, expiresAt: new Date(token.exp * 1000) };
  }
}
