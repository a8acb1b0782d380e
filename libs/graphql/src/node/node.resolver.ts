import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { Args, ID, Query, Resolver } from '@nestjs/graphql';
import { caCertificateOf } from '../ca-certificate/ca-certificate.types.js';
import { enrollmentGroupOf } from '../enrollment-group/enrollment-group.types.js';
import { enrollmentOf } from '../enrollment/enrollment.types.js';
import { hubOf } from '../hub/hub.types.js';
import { PassOn } from '../pass-on.filter.js';
import { regionOf } from '../region/region.types.js';
import { operationOf } from '../operation/operation.types.js';
import { registrationOf } from '../registration/registration.types.js';
import { parseGlobalId } from '../relay/global-id.js';
import { Node } from './node.js';

@UseFilters(PassOn)
@Resolver()
export class NodeResolver {
  constructor(private readonly readModel: ReadModel) {}

  @Query(() => Node, { nullable: true, description: 'Anything durable by its id; null when it is gone.' })
  async node(@Args('id', { type: () => ID }) id: string): Promise<Node | null> {
    const { type, key } = parseGlobalId(id);
    switch (type) {
      case 'Hub': {
        const row = await this.readModel.hub(key);
        return row && hubOf(row, row.version);
      }
      case 'Enrollment': {
        const row = await this.readModel.enrollment(key);
        return row && enrollmentOf(row, row.version);
      }
      case 'EnrollmentGroup': {
        const row = await this.readModel.enrollmentGroup(key);
        return row && enrollmentGroupOf(row, row.version);
      }
      case 'CaCertificate': {
        const row = await this.readModel.caCertificate(key);
        return row && caCertificateOf(row, row.version);
      }
      case 'Operation': {
        const row = await this.readModel.operation(key);
        return row && operationOf(row);
      }
      case 'Registration': {
        const row = await this.readModel.registration(key);
        return row && registrationOf(row);
      }
      case 'Region': {
        const row = await this.readModel.region(key);
        return row && regionOf(row, row.version);
      }
    }
  }
}
