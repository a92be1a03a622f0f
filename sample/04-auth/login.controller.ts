import type { ServerResponse } from 'node:http';
import { Body, Controller, HttpCode, Post, Res, UnauthorizedException } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';

/** Stands for your own table of users, with hashes instead of passwords. */
const PASSWORDS = new Map([
  ['ada', 'lovelace'],
  ['grace', 'hopper'],
]);

@Controller('login')
export class LoginController {
  constructor(private readonly jwt: JwtService) {}

  @Post()
  @HttpCode(200)
  async login(
    @Body() { name, password }: { name: string; password: string },
    @Res({ passthrough: true }) response: ServerResponse,
  ) {
    if (PASSWORDS.get(name) !== password) throw new UnauthorizedException();
    const token = await this.jwt.signAsync({ sub: name });
    response.setHeader('Set-Cookie', `token=${token}; Path=/; HttpOnly; SameSite=Strict`);
    return { token };
  }
}
